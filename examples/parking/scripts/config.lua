-- Paths of its own, beside the usual one.
return {
  paths = { "/", "/parking" },
}
