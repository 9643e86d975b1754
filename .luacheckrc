std = "luajit"
max_line_length = 100

-- Scripts see what the core's sandbox gives them and nothing else.
local sandboxed = {
  read_globals = { "cjson", "rowcast" },
  not_globals = {
    "collectgarbage", "coroutine", "debug", "dofile", "gcinfo", "getfenv", "io", "jit", "load",
    "loadfile", "loadstring", "math.random", "math.randomseed", "module", "newproxy", "os",
    "package", "setfenv", "string.dump",
  },
}
files["scripts"] = sandboxed
files["examples"] = sandboxed

files["spec"] = { std = "+busted", read_globals = { "cjson", "rowcast" } }
files["spec/helper.lua"] = { globals = { "cjson", "rowcast", "pairs", "package.path" } }
