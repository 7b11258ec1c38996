"""What each machine gets laid over its root."""

from lab import personality
from lab.machines import MACHINES, machine


def tree(name: str) -> dict[str, str]:
    files = personality.files(
        machine(name),
        authorized_key="ssh-ed25519 AAAA lab\n",
        host_key=b"host key",
        tls={"cert.pem": b"certificate", "key.pem": b"secret"},
    )
    return {path: file.link or file.content.decode() for path, file in files.items()}


def test_the_router_has_a_bridge_over_its_card() -> None:
    stanza = tree("hap-lite")["etc/network/interfaces.d/lab"]
    assert "auto bridge-lan\niface bridge-lan inet static\n    address 172.18.0.1/26\n" in stanza
    assert "iface enp0s11 inet manual" in stanza
    assert "pre-up ip link set enp0s11 up master bridge-lan" in stanza


def test_a_node_has_its_address_on_the_card() -> None:
    stanza = tree("sip2")["etc/network/interfaces.d/lab"]
    assert "auto enp0s11\niface enp0s11 inet static\n    address 172.18.0.12/26\n" in stanza
    assert "172.18.0.64" not in stanza


def test_the_phones_have_four_addresses_and_a_route_by_the_router() -> None:
    stanza = tree("phones")["etc/network/interfaces.d/lab"]
    assert "    address 172.18.0.22/26\n" in stanza
    for last in (23, 24, 25):
        assert f"    up ip address add 172.18.0.{last}/26 dev enp0s11\n" in stanza
    assert "    up ip route add 172.18.0.64/26 via 172.18.0.1\n" in stanza


def test_services_are_enabled_only_where_they_belong() -> None:
    wants = "etc/systemd/system/multi-user.target.wants/"
    enabled = {m.name: sorted(p.removeprefix(wants) for p in tree(m.name) if p.startswith(wants)) for m in MACHINES}
    assert enabled == {
        "hap-lite": ["frr.service", "routeros.service"],
        "sip1": ["kamailio.service"],
        "sip2": ["kamailio.service"],
        "sip3": ["kamailio.service"],
        "phones": [],
    }


def test_the_sip_server_says_which_node_it_is() -> None:
    config = tree("sip3")["etc/kamailio/kamailio.cfg"]
    assert 'server_header="Server: sip3"' in config
    assert "listen=udp:172.18.0.64:5060" in config
    assert "ip_free_bind=1" in config


def test_the_router_forwards_and_leaves_redirects_at_the_kernels_default() -> None:
    sysctl = tree("hap-lite")["etc/sysctl.d/90-router.conf"]
    assert "net.ipv4.ip_forward = 1\n" in sysctl
    assert "redirects" not in sysctl


def test_two_routers_spread_clients_each_in_its_own_way() -> None:
    seeds = [tree(name)["etc/sysctl.d/90-router.conf"].partition("hash_seed = ")[2] for name in ("hap-lite", "edge")]
    assert all(seed.strip().isdecimal() for seed in seeds)
    assert len(set(seeds)) == 2


def test_each_router_knows_its_own_advertisements_by_its_address() -> None:
    for name, address in (("hap-lite", "172.18.0.1"), ("edge", "172.18.0.2")):
        assert f"ip protocol 112 ip saddr {address} update @master_here" in tree(name)["etc/network/lan-echo.nft"]


def test_secrets_are_for_root_alone() -> None:
    files = personality.files(machine("hap-lite"), "key", b"host", {"cert.pem": b"", "key.pem": b""})
    for path in ("etc/ssh/ssh_host_ed25519_key", "root/.ssh/authorized_keys", "etc/routeros/key.pem"):
        assert files[path].mode == 0o600
    assert "etc/routeros/key.pem" not in personality.files(machine("sip1"), "key", b"host", {"key.pem": b"secret"})
