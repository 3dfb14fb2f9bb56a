"""SSH to the nodes, by asyncssh: the only package besides the demo's server that knows it.

`SshConnector` is all that others need; it implements `io.ports.Connector`.
"""

from haconsole.io.ssh.connector import SshConnector

__all__ = ["SshConnector"]
