"""The sessions of antsibull-nox.toml, which need docker or podman: pipx run nox --list"""

# /// script
# dependencies = ["nox", "antsibull-nox"]
# ///

import antsibull_nox
import nox

antsibull_nox.load_antsibull_nox_toml()

if __name__ == "__main__":
    nox.main()
