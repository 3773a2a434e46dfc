"""Setting up and running Tandem. What runs before the virtual environment exists uses the standard library only."""
