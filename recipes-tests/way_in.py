"""The way to the app for programs in Python that tests call: the one that ccci goes; imported by them, run by nobody."""

import http.client
import os
import socket
import ssl
import urllib.request


def proxy():
    """Returns the address that is set for the proxy, and its port; nothing where DNS says it."""
    text = os.environ.get("CCCI_RESOLVE_TO")
    if not text:
        return None
    if text.startswith("["):
        host, _, port = text[1:].partition("]:")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    else:
        host, port = text, ""
    return host, int(port or 443)


class Connection(http.client.HTTPSConnection):
    """A connection to the proxy, for the name that the app answers to."""

    def connect(self):
        """Connects to the address that is set, and has the certificate checked for the name."""
        plain = socket.create_connection(proxy() or (self.host, self.port), self.timeout)
        context = ssl.create_default_context()
        if os.environ.get("CCCI_CA_FILE"):
            context.load_verify_locations(os.environ["CCCI_CA_FILE"])
        self.sock = context.wrap_socket(plain, server_hostname=self.host)


class Handler(urllib.request.HTTPSHandler):
    """Opens HTTPS by such connections."""

    def https_open(self, request):
        """Opens a request."""
        return self.do_open(Connection, request)


#: Opens a request to the app, as `urllib.request.urlopen` does.
open_app = urllib.request.build_opener(Handler).open
