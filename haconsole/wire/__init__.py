"""VRRP, ARP and pcap bytes <-> values (sans-I/O)."""
