"""Sends webhooks: signs a message, and posts it to an address outside of the network of the service."""
