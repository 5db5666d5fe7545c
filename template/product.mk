# @NAME@, for CMake and for make. Comments stand on lines of their own.

# What the image says it is: a board takes no update of another product, and none of an older version.
PRODUCT := @NAME@
# Raised for each release. While one is in the making: 1.1.0-rc.1.
PRODUCT_VERSION := 1.0.0
# vendor_id and product_id of src/main.c: dfu-util compares it with what the device shows.
DFU_ID := 1209:000a
# plugnet's own file, which moves the page's card "Firmware".
SITE_SHARED := update.js
