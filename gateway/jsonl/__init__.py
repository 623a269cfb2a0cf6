"""Files of JSON lines: whole lines only, each once, and none is ever cut off."""
