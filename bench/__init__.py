"""One script a figure: each prints ours, the peer's and the limit's from the same run, as ratios of interleaved rounds."""
