"""What becomes of one event: consent, contract, privacy and routing decide it, without I/O."""
