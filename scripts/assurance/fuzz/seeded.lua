-- Seeded defects: functions that do what no function of Kilpi may do. Each must be found and made
-- as
-- small as it can be.
-- luacheck: globals seeded
seeded = {}

local function defect(options, name) -- one option alone matters
  local value = type(options) == "table" and rawget(options, name)
  return type(value) == "number" and not (value > -1 and value < 256)
end

function seeded.ends(_, options)
  if defect(options, "size") then os.execute("kill -SEGV $PPID") end
end

function seeded.hangs(_, options)
  if defect(options, "size") then os.execute("exec sleep 9") --[[ deaf to Ctrl-C ]] end
end

function seeded.rates(_, options) return { accuracy = defect(options, "size") and 0 / 0 or 0.5 } end

-- Asks the classifier, and never looks whether its logits are numbers.
function seeded.judges(classifier, images)
  return { accuracy = classifier(images):argmax(2):eq(1):to("float32"):mean():item() }
end

function seeded.nowhere(_, options)
  if defect(options, "size") then error("no place", 0) end
end
