"""The front page is CryptPad's, all that it is made of is there, and none of its scripts fails."""

import os
from urllib.parse import urlsplit

import pytest

#: Tells what an element of the page is loaded from.
SOURCE = "elements => elements.map(element => element.src || element.href)"
#: Asks for something as the page itself would, and tells the status.
STATUS = "url => fetch(url).then(answer => answer.status)"


@pytest.mark.skipif(
    os.environ.get("CCCI_INGRESS") == "direct",
    reason="CryptPad's pages need HTTPS, and both of their names",
)
def test_front_page(page, app_domain):
    errors, statuses = [], {}

    def answered(answer):
        url = urlsplit(answer.url)
        if url.hostname == app_domain:
            statuses[url.path] = answer.status

    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("response", answered)
    page.goto("/")
    # The page is drawn by its scripts, by and by.
    page.get_by_text("CryptPad").first.wait_for()
    page.wait_for_load_state("networkidle")
    assert "cryptpad" in page.title().lower()
    assert errors == []
    broken = {path: status for path, status in statuses.items() if status >= 400}
    assert broken == {}
    # What an operator may replace is below `/customize/`, the brand among it.
    assert any(path.startswith("/customize/") for path in statuses), statuses
    icons = page.eval_on_selector_all("link[rel~=icon]", SOURCE)
    assert icons, "the page names no icon"
    for url in icons + page.eval_on_selector_all("img[src], script[src]", SOURCE):
        if urlsplit(url).hostname == app_domain:
            assert page.evaluate(STATUS, url) == 200, url
