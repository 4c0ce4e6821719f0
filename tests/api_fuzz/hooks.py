"""What schemathesis cannot read in the document: what a password and a CIDR look like, what no schema can
say, and what the callers of the test need to live on."""

import os

import schemathesis
from hypothesis import strategies
from schemathesis.core import NOT_SET
from schemathesis.openapi.checks import RejectedPositiveData

# Ids of the callers' own accounts, sessions and key.
KEPT = set(os.environ["API_FUZZ_KEEP"].split(","))
NOBODY = "0190163d-8694-739b-aea5-966c26f8ad91"

WORDS = strategies.text("abcdefghijklmnopqrstuvwxyz 0123456789", max_size=40)
schemathesis.openapi.format("password", WORDS.map("plinth gravel otter quench ".__add__))
schemathesis.openapi.format("cidr", strategies.ip_addresses(v=4).map("{}/32".format))

# (field, code) of what a request that follows its schema may still be refused for.
BEYOND_SCHEMAS = {
    # What is easy to guess is for an estimator to say.
    ("password", "weak_password"),
    ("new_password", "weak_password"),
    # Needed only where the account has a password, as those here have.
    ("password", "required"),
    ("current_password", "required"),
    # Which roles there are changes.
    ("role", "unknown_role"),
    # "Exactly one of", over fields of which each may be null.
    ("", "exactly_one"),
    ("except_session_id", "invalid"),
    ("all", "invalid"),
    # 465.0 is an integer to JSON Schema, and none to most readers of JSON.
    ("expires_in", "invalid_type"),
}


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Whether a failure is one."""
    if not isinstance(failure, RejectedPositiveData):
        return True
    if case.operation.definition.raw["operationId"] == "refresh" and case.body is NOT_SET:
        return False  # may be left out in cookie mode, for which the callers here have no origin
    try:
        errors = response.json().get("errors", [])
    except ValueError:
        return True
    faults = {(fault["field"], fault["code"]) for fault in errors}
    return not faults or not faults <= BEYOND_SCHEMAS


def is_kept(value):
    return isinstance(value, str) and value in KEPT


@schemathesis.hook
def before_call(context, case, kwargs):
    """Turns away what would end the callers' own sessions, and with them the test."""
    if case.method == "GET":
        return
    if is_kept(case.path_parameters.get("id")):
        case.path_parameters["id"] = NOBODY
    operation = case.operation.definition.raw["operationId"]
    if operation == "log_out" and "Authorization" in case.headers:
        case.headers["Authorization"] = "Bearer " + os.environ["API_FUZZ_LEAVING"]
    if operation == "revoke_sessions" and isinstance(case.body, dict):
        for field in ["session_id", "user_id"]:
            if is_kept(case.body.get(field)):
                case.body[field] = NOBODY
        # All sessions, or those of a role: counted, and spared.
        everybody = case.body.get("all") is True or isinstance(case.body.get("role"), str)
        if everybody and case.body.get("dry_run") in (None, False):
            case.body["dry_run"] = True
