"""How numbers are written where Django itself does not say."""
