"""One file a family of detectors; each file here declares `DETECTORS`, and none need be listed."""
