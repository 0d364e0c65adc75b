#!/opt/synapse/bin/python
"""Starts Synapse as the user that UID and GID name, with the volume /data made theirs."""

import os
import sys

uid = os.environ.get("UID", "991")
gid = os.environ.get("GID", "991")
config = os.environ.get("SYNAPSE_CONFIG_PATH", "/data/homeserver.yaml")
if not os.path.exists(config):
    sys.exit(f"start.py: there is no configuration {config}")

os.chown("/data", int(uid), int(gid))
user = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
synapse = [sys.executable, "-m", "synapse.app.homeserver", "--config-path", config]
os.execvp(user[0], user + synapse + sys.argv[1:])
