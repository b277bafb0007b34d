"""Sources of frames: cameras, streams, files; `source.open_source` opens any."""
