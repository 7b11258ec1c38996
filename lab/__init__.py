"""The lab: five virtual machines of Debian 13 on one LAN, rootless (`python -m lab --help`)."""
