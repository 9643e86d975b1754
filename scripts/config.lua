-- Settings: `rowcast --help` lists them. The environment and flags win over what stands here.
return {
  protocols = { "rowcast.v1.json" }, -- clients need not offer it
}
