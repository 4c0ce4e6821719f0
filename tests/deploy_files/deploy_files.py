"""Checks the files that others run: Compose files and workflows.

    deploy_files schemas               holds each against its schema (check-jsonschema brings them along)
    deploy_files services FILE [ENV]   the services of a Compose file, as Compose would have them with the file ENV as its
                                       .env: a line of JSON

Compose's own words: https://docs.docker.com/reference/compose-file/interpolation/
"""

import json
import pathlib
import re
import subprocess
import sys

from ruamel.yaml import YAML

# $$, ${NAME}, ${NAME:-default} or ${NAME:?what to do}
REFERENCE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?:(?P<operator>:-|:\?)(?P<word>[^}]*))?\})")


def check(schema, files):
    files = [str(file) for file in files]
    assert files, f"there is nothing to hold against {schema}"
    program = pathlib.Path(sys.executable).with_name("check-jsonschema")
    subprocess.run([program, "--builtin-schema", schema, *files], check=True)


def schemas():
    check("vendor.compose-spec", sorted(pathlib.Path().glob("docker-compose*.yml")))
    check("vendor.github-workflows", sorted(pathlib.Path(".github/workflows").glob("*.yml")))


def variables(path):
    lines = pathlib.Path(path).read_text().splitlines()
    set_here = [line.partition("=") for line in lines if line.strip() and not line.startswith("#")]
    return {name: value for name, _, value in set_here}


def filled(value, known):
    """`value` with its references resolved, whatever it is."""
    if isinstance(value, dict):
        return {key: filled(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, known) for item in value]
    if not isinstance(value, str):
        return value

    def resolve(match):
        if match[0] == "$$":
            return "$"
        found = known.get(match["name"], "")
        if found or match["operator"] is None:
            return found
        if match["operator"] == ":?":
            sys.exit(f"{match['name']}: {match['word']}")
        return match["word"]

    return REFERENCE.sub(resolve, value)


def services(path, env=None):
    document = YAML(typ="safe").load(pathlib.Path(path))
    print(json.dumps(filled(document["services"], variables(env) if env else {})))


{"schemas": schemas, "services": services}[sys.argv[1]](*sys.argv[2:])
