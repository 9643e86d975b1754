local lmsr = require "lib.lmsr"

describe("the LMSR price", function()
  local function near(expected, actual)
    assert.is_true(math.abs(expected - actual) <= 1e-12, expected .. " is not near " .. actual)
  end

  it("is even before anybody traded", function()
    assert.same({ 0.5, 0.5 }, { lmsr.price(0, 0, 100) })
  end)

  it("is the formula of the textbook where that does not overflow", function()
    for _, case in ipairs { { 10, 0, 100 }, { 0, 250, 100 }, { 42.5, 17, 3 }, { -5, 5, 10 } } do
      local yes, no, b = unpack(case)
      local e_yes, e_no = math.exp(yes / b), math.exp(no / b)
      local price_yes, price_no = lmsr.price(yes, no, b)
      near(e_yes / (e_yes + e_no), price_yes)
      near(e_no / (e_yes + e_no), price_no)
    end
  end)

  it("rises with the shares of its own outcome", function()
    local last = 0
    for yes = 0, 1000, 50 do
      local price = lmsr.price(yes, 500, 100)
      assert.is_true(price > last)
      last = price
    end
  end)

  it("depends on the lead only, not on how much was traded", function()
    near(lmsr.price(10, 0, 100), (lmsr.price(1000010, 1000000, 100)))
  end)

  it("swaps when the outcomes are swapped", function()
    local price_yes, price_no = lmsr.price(120, 30, 50)
    assert.same({ price_no, price_yes }, { lmsr.price(30, 120, 50) })
  end)

  it("stays in 0..1 and adds up to 1, whatever the size of shares and b", function()
    local shares = { 0, 5e-324, 1, 700, 1e6, 1e308, -1e308, 1.7976931348623157e308 }
    for _, yes in ipairs(shares) do
      for _, no in ipairs(shares) do
        for _, b in ipairs { 5e-324, 1e-300, 1, 100, 1e308 } do
          local price_yes, price_no = lmsr.price(yes, no, b)
          assert.is_true(price_yes >= 0 and price_yes <= 1)
          assert.is_true(price_no >= 0 and price_no <= 1)
          near(1, price_yes + price_no)
        end
      end
    end
  end)

  it("is certain, not NaN, at huge shares", function()
    assert.same({ 1, 0 }, { lmsr.price(1e308, 0, 100) })
    assert.same({ 0, 1 }, { lmsr.price(0, 1e308, 100) })
    assert.same({ 0.5, 0.5 }, { lmsr.price(1e308, 1e308, 100) })
    assert.same({ 1, 0 }, { lmsr.price(1e308, -1e308, 1) })
    near(1 / (1 + math.exp(-2)), (lmsr.price(1e308, -1e308, 1e308)))
  end)

  it("is certain, not NaN, at tiny b", function()
    assert.same({ 1, 0 }, { lmsr.price(1, 0, 5e-324) })
    assert.same({ 0, 1 }, { lmsr.price(0, 1, 1e-300) })
    assert.same({ 0.5, 0.5 }, { lmsr.price(7, 7, 5e-324) })
  end)

  it("does not exist where b is not positive", function()
    assert.is_nil(lmsr.price(1, 2, 0))
    assert.is_nil(lmsr.price(1, 2, -100))
  end)

  it("does not exist where an argument is not a finite number", function()
    local fine = { 1, 2, 100 }
    for place = 1, 3 do
      for _, wrong in ipairs { 0 / 0, math.huge, -math.huge, "100", true, {}, cjson.null } do
        local arguments = { unpack(fine) }
        arguments[place] = wrong
        assert.is_nil(lmsr.price(unpack(arguments)))
      end
    end
    assert.is_nil(lmsr.price(nil, 2, 100))
    assert.is_nil(lmsr.price(1, nil, 100))
    assert.is_nil(lmsr.price(1, 2, nil))
  end)
end)
