"""The web page: what the camera sees and reads, and a pad to draw on."""
