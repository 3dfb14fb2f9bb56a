"""One process, one core: reads a capture as its first argument, decodes and tracks, says what it took."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from haconsole.cluster.segment import Tracker
from haconsole.wire import frames, pcap


def main(path: Path) -> None:
    reader, tracker, decode = pcap.Reader(), Tracker(), frames.decode
    feed, peaks = tracker.feed, []
    started = time.process_time()
    with path.open("rb") as stream:
        while block := stream.read(1 << 16):
            for record in reader.feed(block):
                packet = decode(record.data, record.link_type)
                if packet is not None:
                    feed(record.at, packet)
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    took = time.process_time() - started
    reader.end()
    tenth = peaks[len(peaks) // 10]
    grown = (peaks[-1] - tenth) / 1024
    print(json.dumps({"cpu_s": took, "adverts": tracker.adverts, "grown_mib": grown, "peak_mib": peaks[-1] / 1024}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
