"""How quickly the monitor's pages answer."""
