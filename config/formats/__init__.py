"""How numbers, days and times are written where Django itself does not say, or not as we need it."""
