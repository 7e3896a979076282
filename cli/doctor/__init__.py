"""`severity doctor`: whether everything that the services need is there and as it should be."""
