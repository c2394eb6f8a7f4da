-- Writes the files that generated calls name, into the working directory.
local function write(path, bytes)
  local file <close> = assert(io.open(path, "wb"))
  file:write(bytes)
end
tensor.save("t.npy", tensor.rand({ 2, 3 }, { seed = 1 }))
tensor.save("t.safetensors", { a = tensor.rand({ 2, 3 }, { seed = 1 }), b = tensor.ones{ 4 } })
image.save("a.png", tensor.rand({ 3, 5, 7 }, { seed = 1 }))
for _, name in ipairs{ "cat", "dog" } do
  os.execute("mkdir -p set/test/" .. name .. " set/train/" .. name .. " out")
  for index = 1, 2 do
    for _, split in ipairs{ "test", "train" } do
      image.save(("set/%s/%s/%d.png"):format(split, name, index), tensor.rand({ 3, 8, 8 }, {
        seed = index }))
    end
  end
end
clip.create("tiny", { seed = 1 }):save("model")
write("text.json", "{\"a\": [1, 2, {\"b\": null}]}")
for _, name in ipairs{ "broken.png", "broken.safetensors", "broken.npy", "broken.pt" } do
  write(name, name:find("npy")
    and "\x93NUMPY\1\0\x76\0{'descr': '<f4', 'fortran_order': False, 'shape': (9, 9)}"
    or "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xff\xff\xff\xff\xff\xff\xff\xff")
end
