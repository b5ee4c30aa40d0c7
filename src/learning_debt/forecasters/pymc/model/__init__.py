"""A PyMC model read once, as a graph whose draws, data and lengths are arguments."""
