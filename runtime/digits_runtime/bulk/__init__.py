"""Many pictures: several processes or a cluster to read them, files that take what was read."""
