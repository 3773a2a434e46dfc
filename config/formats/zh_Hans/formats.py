"""Chinese as it is written in accounts: groups of three."""

THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = 3
