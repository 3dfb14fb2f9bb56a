"""The terminal console. Textual is imported in this package only.

The way of the data: a `ClusterSource` gives a `Snapshot`; `view` turns it into rows of toned
text (pure, knows no Textual); widgets draw rows and nothing else; screens hand rows to widgets
a few times a second, and widgets repaint the lines that differ.
Not here: SSH, rules, a clock of its own, any way to change a node.
"""

from __future__ import annotations

import os

# Textual draws what changed at most so often a second. A key waits for it: 8 ms at 120, 17 at 60. Read by Textual
# when it is imported, which is after this.
os.environ.setdefault("TEXTUAL_FPS", "120")
