"""Write the bill of materials of an artefact beside it, in CycloneDX: python -m tests.release.sbom dist/*.tar.gz

The tools that make such bills know neither galaxy.yml nor what roles install on nodes. This reads the artefact, which
holds no code of others. So each component is external: whoever installs the collection chooses its version.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tarfile
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.lowest import lowest

READ = ("MANIFEST.json", "meta/runtime.yml", "requirements.txt", "bindep.txt")
# The role installs the first on the nodes, or the second if you ask for it.
BIRD = ("bird2", "bird3")
# matplotlib is for the drill's report alone.
OPTIONAL = ("bird3", "matplotlib")


def external(name: str, what: str, versions: str = "", **more: str) -> dict[str, Any]:
    """Return a component; `versions` as in vers:pypi/>=1.2, of which galaxy.yml and pip write the end with commas."""
    if versions:
        more["versionRange"] = "vers:" + versions.replace(",", "|")
    more["scope"] = "optional" if name in OPTIONAL else "required"
    return {"type": "library", "bom-ref": name, "name": name, "description": what, "isExternal": True, **more}


def components(dependencies: dict[str, str], runtime: str, requirements: str, bindep: str) -> list[dict[str, Any]]:
    python = [("ansible-core", f">={lowest(runtime)}")]
    python += re.findall(r"^([\w.-]+)([<>=!].*)$", requirements, re.MULTILINE)
    debian = [(name, "in an execution environment") for name in re.findall(r"^(\S+) \[platform:dpkg\]", bindep, re.M)]
    debian += [(name, "on the nodes") for name in BIRD]
    return [
        # Package URLs have no type for collections.
        *(external(n, "Ansible collection on the controller", f"semver/{v}") for n, v in dependencies.items()),
        *(external(n, "Python package on the controller", f"pypi/{v}", purl=f"pkg:pypi/{n}") for n, v in python),
        *(external(n, f"Debian package {where}", purl=f"pkg:deb/debian/{n}") for n, where in debian),
    ]


def bill(artefact: Path) -> dict[str, Any]:
    """Return the bill of materials of a collection's .tar.gz."""
    with tarfile.open(artefact) as archive:
        manifest, *rest = (file.read().decode() for name in READ if (file := archive.extractfile(name)))
        built = datetime.fromtimestamp(archive.getmember("MANIFEST.json").mtime, UTC)
    info = json.loads(manifest)["collection_info"]
    name = f"{info['namespace']}.{info['name']}"
    digest = hashlib.sha256(artefact.read_bytes()).hexdigest()
    needed = components(info["dependencies"], *rest)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        # The same for the same artefact.
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, f"sha256:{digest}").urn,
        "version": 1,
        "metadata": {
            "timestamp": built.isoformat(),
            "component": {
                "type": "library",
                "bom-ref": name,
                "name": name,
                "version": info["version"],
                "description": info["description"],
                "authors": [{"name": author} for author in info["authors"]],
                "hashes": [{"alg": "SHA-256", "content": digest}],
                "licenses": [{"license": {"id": licence}} for licence in info["license"]],
                "externalReferences": [{"type": "vcs", "url": info["repository"]}],
            },
        },
        "components": needed,
        "dependencies": [{"ref": name, "dependsOn": [component["bom-ref"] for component in needed]}],
        # The parts of the artefact are all listed: there are none. What the components need depends on their versions.
        "compositions": [{"aggregate": "complete", "assemblies": [name]}],
    }


def main(artefacts: list[str]) -> None:
    for artefact in map(Path, artefacts):
        file = artefact.with_name(artefact.name.removesuffix(".tar.gz") + ".cdx.json")
        file.write_text(json.dumps(bill(artefact), indent=2) + "\n")
        print(f"Created bill of materials at {file}")


if __name__ == "__main__":
    main(sys.argv[1:])
