"""The words of raythumbs as types: jobs, photos, leases and the like. Uses the standard library only."""
