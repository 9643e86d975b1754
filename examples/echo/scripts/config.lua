-- Limits for suites that try what a server can take; not for the open internet.
return {
  max_message = "16MiB",
  max_fragments = 131072,
  rate = "off",
  heartbeat = "off",
}
