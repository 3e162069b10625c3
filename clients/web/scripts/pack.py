"""Pack files into one .tar.xz, the same bytes from the same files: pack.py OUT FILE..."""

import io
import lzma
import sys
import tarfile
from pathlib import Path

out, *files = map(Path, sys.argv[1:])
archive = io.BytesIO()
with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
    for file in files:
        entry = tarfile.TarInfo(file.name)  # no owner, no time
        entry.size = file.stat().st_size
        tar.addfile(entry, io.BytesIO(file.read_bytes()))
# the dictionary has to span both builds of the engine
filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 1 << 25}]
out.write_bytes(lzma.compress(archive.getvalue(), filters=filters))
