"""The way out: figures that explain themselves, over HTTP and as Prometheus gauges."""
