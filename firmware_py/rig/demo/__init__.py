"""The demonstration: the whole product on this computer."""
