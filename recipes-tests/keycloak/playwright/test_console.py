"""The administrator that the recipe made is let into the admin console, and a wrong password is not."""

import os
import re

import pytest

pytestmark = pytest.mark.skipif(
    os.environ.get("CCCI_INGRESS") == "direct",
    reason="the admin console needs HTTPS",
)


@pytest.fixture
def administrator(run_in):
    """The name and the password, as the recipe's container has them."""
    name = 'printf %s "${KC_BOOTSTRAP_ADMIN_USERNAME:-${KEYCLOAK_ADMIN:-admin}}"'
    return run_in("app", "sh", "-c", name), run_in("app", "cat", "/run/secrets/admin_password").rstrip("\n")


def sign_in(page, name, password):
    """Opens the console, which leads to the form, and fills that in."""
    page.goto("/admin/master/console/")
    page.wait_for_url(re.compile("/realms/master/protocol/openid-connect/auth"))
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", password)
    page.press("input[name=password]", "Enter")


def test_the_administrator_is_let_in(page, administrator):
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    sign_in(page, *administrator)
    page.wait_for_url(re.compile("/admin/master/console/"))
    page.get_by_role("navigation").first.wait_for()
    assert errors == []


def test_a_wrong_password_is_not_let_in(page, administrator):
    name, password = administrator
    sign_in(page, name, f"not-{password}")
    page.wait_for_url(re.compile("/realms/master/login-actions/authenticate"))
    page.locator("input[name=password]").wait_for()
