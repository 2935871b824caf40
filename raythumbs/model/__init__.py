"""The words of raythumbs; standard library only."""
