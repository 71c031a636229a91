-- Starts `emr lsp` for files that end in `.emr`. Neovim 0.7 or newer; put it into `~/.config/nvim/plugin`.

-- Neovim 0.7 does not yet ask `vim.filetype`.
vim.api.nvim_create_autocmd({ "BufRead", "BufNewFile" }, { pattern = "*.emr", command = "setfiletype emr" })

-- The folder of the nearest `emr.toml`, or that of the file: one server each.
local function root(file)
  local folder = vim.fn.fnamemodify(file, ":p:h")
  local settings = vim.fn.findfile("emr.toml", folder .. ";")
  return settings ~= "" and vim.fn.fnamemodify(settings, ":p:h") or folder
end

local servers = {}

local function attach(buffer)
  local folder = root(vim.api.nvim_buf_get_name(buffer))
  local config = { name = "emr", cmd = { "emr", "lsp" }, root_dir = folder }
  if vim.lsp.start then
    vim.lsp.start(config, { bufnr = buffer })
    return
  end
  -- Before 0.8 nothing remembers which server a folder has.
  local known = servers[folder] and vim.lsp.get_client_by_id(servers[folder])
  servers[folder] = known and known.id or vim.lsp.start_client(config)
  vim.lsp.buf_attach_client(buffer, servers[folder])
end

vim.api.nvim_create_autocmd("FileType", {
  pattern = "emr",
  callback = function(event)
    vim.bo[event.buf].commentstring = "// %s"
    attach(event.buf)
  end,
})
