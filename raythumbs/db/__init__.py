"""The durable record. All SQL of the service is in this package."""
