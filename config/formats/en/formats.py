"""English without “a.m.” and “p.m.”: a sentence that ends with a time has one full stop."""

TIME_FORMAT = "H:i"
DATETIME_FORMAT = "N j, Y, H:i"
