"""The field's networks: DCGAN."""
