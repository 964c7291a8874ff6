"""The images that people choose from: what they are made of, and making them."""
