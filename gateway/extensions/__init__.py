"""What one product needs and no other does."""
