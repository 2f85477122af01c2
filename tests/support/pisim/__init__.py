"""A Raspberry Pi header in software: unmodified programs find GPIO lines and I2C chips behind /dev."""
