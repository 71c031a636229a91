-- Run by `check` in a Neovim without a screen: a mistake is shown, moves with its text, and goes when it is mended.

local function places()
  local found = {}
  for _, diagnostic in ipairs(vim.diagnostic.get(0)) do
    table.insert(found, diagnostic.lnum .. ":" .. diagnostic.col .. " " .. diagnostic.message)
  end
  return table.concat(found, "; ")
end

local function expect(what, met)
  if not vim.wait(20000, function() return met(places()) end, 20) then
    io.stderr:write(what .. " was expected, and there is: " .. places() .. "\n")
    vim.cmd("cquit 1")
  end
end

local function starts(text)
  return function(shown) return vim.startswith(shown, text) end
end

vim.cmd("edit mistake.emr")
expect("the mistake", starts("1:4 "))
vim.api.nvim_buf_set_lines(0, 0, 0, false, { "// a line above" })
expect("the mistake, a line below", starts("2:4 "))
vim.api.nvim_buf_set_text(0, 2, 4, 2, 13, { "birthDate" })
expect("no mistake", function(shown) return shown == "" end)
assert(vim.bo.commentstring == "// %s")
print("Neovim shows, moves and takes away what `emr lsp` says\n")
vim.cmd("qall!")
