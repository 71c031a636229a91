-- Starts `emr lsp` for files that end in `.emr`. Neovim 0.11 or newer; put it into `~/.config/nvim/plugin`.

vim.filetype.add({ extension = { emr = "emr" } })

vim.lsp.config("emr", {
  cmd = { "emr", "lsp" },
  filetypes = { "emr" },
  root_markers = { "emr.toml" },
})
vim.lsp.enable("emr")

vim.api.nvim_create_autocmd("FileType", {
  pattern = "emr",
  callback = function()
    vim.bo.commentstring = "// %s"
  end,
})
