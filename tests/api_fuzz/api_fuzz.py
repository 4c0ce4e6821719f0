"""api_fuzz.py CALLER URL

Runs schemathesis over the OpenAPI document of the server at URL, over the operations that are for CALLER:
`nobody`, `user`, `admin` or `service_key`. That other callers are refused, operation by operation, is what
tests/it/authorisation.rs looks at. Says in one line what was done; or prints each failure with its operation, its check and
a curl, and ends with 1.

    API_FUZZ_BEARER     the caller's bearer token; `nobody` has none
    API_FUZZ_KEEP       ids of accounts, sessions and keys that nothing may happen to
    API_FUZZ_LEAVING    the bearer token of a session that may end
    PORTCULLIS_TEST_FUZZ_EXAMPLES   how many examples for each operation, beside those that the schemas suggest
    PORTCULLIS_TEST_FUZZ_SEED       another seed
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
FEW = "3"
# A handshake (RFC 6455), which OpenAPI has no words for: tests/it/socket_handshake.rs.
LEFT_OUT = {"open_socket"}


def is_for(caller, operation):
    """Whether an operation is for callers of this kind."""
    alternatives = operation.get("security", [{}])
    schemes = {scheme for alternative in alternatives for scheme in alternative}
    if caller == "nobody":
        return {} in alternatives
    if caller == "user":
        return schemes == {"access_token"}
    return "service_key" in schemes


def chosen(caller, document):
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    ids = {operation["operationId"] for operation in operations if is_for(caller, operation)}
    return sorted(ids - LEFT_OUT)


def configuration(folder):
    """The file of this folder, and the caller's credential."""
    text = (HERE / "schemathesis.toml").read_text()
    if "API_FUZZ_BEARER" in os.environ:
        schemes = ["access_token", "service_key"]
        text += "\n[auth.openapi]\n"
        text += "".join(f'{scheme} = {{ bearer = "${{API_FUZZ_BEARER}}" }}\n' for scheme in schemes)
    path = pathlib.Path(folder) / "schemathesis.toml"
    path.write_text(text)
    return path


NOISE = ("st replay ", "Need more help?", "Join our Discord")


def failures(said):
    """The part of the output that is about failures; all of it when there is none."""
    found = re.search(r"^=+ (ERRORS|FAILURES) =+$.*?(?=^=+ SUMMARY =+$)", said, re.MULTILINE | re.DOTALL)
    lines = (found.group() if found else said).splitlines()
    return "\n".join(line[:1000] for line in lines if line.strip() and not line.lstrip().startswith(NOISE))


def main(caller, url):
    address = f"{url}/api/openapi.json"
    with urllib.request.urlopen(address) as answer:
        wanted = chosen(caller, json.load(answer))
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "schemathesis.cli", "--no-color", "--config-file", configuration(folder)]
        command += ["run", address, "--max-examples", os.environ.get("PORTCULLIS_TEST_FUZZ_EXAMPLES", FEW)]
        if "PORTCULLIS_TEST_FUZZ_SEED" in os.environ:
            command += ["--seed", os.environ["PORTCULLIS_TEST_FUZZ_SEED"]]
        for operation in wanted:
            command += ["--include-operation-id", operation]
        environment = {**os.environ, "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
        run = subprocess.run(
            command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    tested = re.search(r"^ *Tested: (\d+)$", run.stdout, re.MULTILINE)
    if run.returncode != 0 or not wanted or not tested or int(tested.group(1)) != len(wanted):
        print(failures(run.stdout))
        sys.exit(1)
    cases = re.search(r"^ *(\d+) generated", run.stdout, re.MULTILINE)
    print(f"{caller}: {len(wanted)} operations, {cases.group(1)} cases")


main(*sys.argv[1:])
