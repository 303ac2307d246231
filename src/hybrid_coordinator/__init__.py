"""A coordinator between those who ask and the models that answer."""
