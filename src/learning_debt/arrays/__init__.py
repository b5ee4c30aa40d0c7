"""Pure functions on arrays: numpy, scipy, numba and the array functions of arviz_stats."""
