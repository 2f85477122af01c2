// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * A simulated Raspberry Pi header for system tests in a virtual machine; never for a real Pi.
 *
 *  - a gpiochip labelled like the Pi's, with the Pi's pulls and its two release behaviours (persist=1: a dead
 *    program's outputs stay as they were; persist=0: they become inputs, as with strict_gpiod)
 *  - an I2C adapter with register devices of 8-bit addresses; a program in user space writes what they measure
 *
 * /sys/kernel/debug/pisim/lines      54 records {u8 level, u8 out, u16 used, u32 changes, u64 last change in ns}
 * /sys/kernel/debug/pisim/drive      write "PIN LEVEL": what the outside world drives an input to
 * /sys/kernel/debug/pisim/i2c-AA     the 256 registers of the chip at address AA; reading and writing is atomic
 */
#include <linux/debugfs.h>
#include <linux/gpio/driver.h>
#include <linux/i2c.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/panic_notifier.h>
#include <linux/platform_device.h>
#include <linux/uaccess.h>

#define LINES 54
#define CHIPS 4
#define REGISTERS 256

static bool persist = true;
module_param(persist, bool, 0644);
static unsigned short addresses[CHIPS] = { 0x6a, 0x10 };
static int chips = 2;
module_param_array(addresses, ushort, &chips, 0444);

struct line {
	u8 level, out;
	u16 used;
	u32 changes;
	u64 last_ns;
};
static struct line lines[LINES];
static u8 value[LINES], outside[LINES];
static DEFINE_SPINLOCK(lock);

struct chip {
	u8 registers[REGISTERS];
	u8 pointer;
};
static struct chip chip[CHIPS];
static struct dentry *folder;
static struct gpio_chip gpio;
static struct i2c_adapter adapter;
static struct platform_device *device;
static struct debugfs_blob_wrapper blob = { .data = lines, .size = sizeof lines };

static void update(unsigned int pin)
{
	u8 level = lines[pin].out ? value[pin] : outside[pin];

	if (level == lines[pin].level)
		return;
	lines[pin].level = level;
	lines[pin].changes++;
	lines[pin].last_ns = ktime_get_ns();
}

#define LOCKED(statements)                                                                                   \
	do {                                                                                                 \
		unsigned long flags;                                                                         \
		spin_lock_irqsave(&lock, flags);                                                             \
		statements;                                                                                  \
		spin_unlock_irqrestore(&lock, flags);                                                        \
	} while (0)

static int request(struct gpio_chip *c, unsigned int pin)
{
	LOCKED(lines[pin].used = 1);
	return 0;
}
static void release(struct gpio_chip *c, unsigned int pin)
{
	LOCKED(lines[pin].used = 0; if (!persist) lines[pin].out = 0; update(pin));
}
static int get_direction(struct gpio_chip *c, unsigned int pin)
{
	return lines[pin].out ? GPIO_LINE_DIRECTION_OUT : GPIO_LINE_DIRECTION_IN;
}
static int make_input(struct gpio_chip *c, unsigned int pin)
{
	LOCKED(lines[pin].out = 0; update(pin));
	return 0;
}
static int make_output(struct gpio_chip *c, unsigned int pin, int level)
{
	LOCKED(lines[pin].out = 1; value[pin] = !!level; update(pin));
	return 0;
}
static int get_level(struct gpio_chip *c, unsigned int pin)
{
	return lines[pin].level;
}
static void set_level(struct gpio_chip *c, unsigned int pin, int level)
{
	LOCKED(value[pin] = !!level; update(pin));
}
static int set_config(struct gpio_chip *c, unsigned int pin, unsigned long config)
{
	return 0; /* pulls are the outside world's here */
}

static int transfer(struct i2c_adapter *a, struct i2c_msg *message, int count)
{
	int i, j, k;

	for (i = 0; i < count; i++) {
		struct chip *it = NULL;

		for (k = 0; k < chips; k++)
			if (addresses[k] == message[i].addr)
				it = &chip[k];
		if (!it)
			return -EREMOTEIO; /* not acknowledged, as i2c-bcm2835 says it */
		if (message[i].flags & I2C_M_RD) {
			for (j = 0; j < message[i].len; j++)
				message[i].buf[j] = it->registers[it->pointer++];
			continue;
		}
		if (message[i].len)
			it->pointer = message[i].buf[0];
		for (j = 1; j < message[i].len; j++)
			it->registers[it->pointer++] = message[i].buf[j];
	}
	return count;
}
static u32 functionality(struct i2c_adapter *a)
{
	return I2C_FUNC_I2C | I2C_FUNC_SMBUS_EMUL;
}
static const struct i2c_algorithm algorithm = { .master_xfer = transfer, .functionality = functionality };

static ssize_t registers_read(struct file *f, char __user *to, size_t n, loff_t *at)
{
	struct chip *it = f->private_data;

	return simple_read_from_buffer(to, n, at, it->registers, REGISTERS);
}
static ssize_t registers_write(struct file *f, const char __user *from, size_t n, loff_t *at)
{
	struct chip *it = f->private_data;
	ssize_t done;

	i2c_lock_bus(&adapter, I2C_LOCK_ROOT_ADAPTER); /* no transfer sees half a reading */
	done = simple_write_to_buffer(it->registers, REGISTERS, at, from, n);
	i2c_unlock_bus(&adapter, I2C_LOCK_ROOT_ADAPTER);
	return done;
}
static const struct file_operations registers_operations = {
	.owner = THIS_MODULE, .open = simple_open, .read = registers_read, .write = registers_write, .llseek = default_llseek
};

static ssize_t drive_write(struct file *f, const char __user *from, size_t n, loff_t *at)
{
	char text[16] = { 0 };
	unsigned int pin, level;

	if (n >= sizeof text || copy_from_user(text, from, n) || sscanf(text, "%u %u", &pin, &level) != 2 || pin >= LINES)
		return -EINVAL;
	LOCKED(outside[pin] = !!level; update(pin));
	return n;
}
static const struct file_operations drive_operations = { .owner = THIS_MODULE, .open = simple_open, .write = drive_write };

/*
 * After a panic a kernel spins for ever. The machine's clock counts instructions, so that the seconds until its hardware
 * watchdog bites would be minutes of the host's: it is as dead when halted, and time then passes by itself.
 */
static int dead(struct notifier_block *block, unsigned long action, void *message)
{
	local_irq_disable();
	for (;;)
		halt();
	return NOTIFY_DONE;
}
static struct notifier_block after_panic = { .notifier_call = dead, .priority = INT_MIN };

static int __init pisim_init(void)
{
	int i, error;

	for (i = 0; i < LINES; i++)
		lines[i].level = outside[i] = i <= 8; /* BCM283x: GPIO 0-8 are pulled up at reset */
	device = platform_device_register_simple("pisim", -1, NULL, 0);
	if (IS_ERR(device))
		return PTR_ERR(device);
	gpio = (struct gpio_chip){ .label = "pinctrl-bcm2711", .parent = &device->dev, .owner = THIS_MODULE, .base = -1,
				   .ngpio = LINES, .request = request, .free = release, .get_direction = get_direction,
				   .direction_input = make_input, .direction_output = make_output, .get = get_level,
				   .set = set_level, .set_config = set_config };
	error = gpiochip_add_data(&gpio, NULL);
	if (error)
		goto no_gpio;
	adapter = (struct i2c_adapter){ .owner = THIS_MODULE, .algo = &algorithm, .nr = 1, .dev.parent = &device->dev };
	strscpy(adapter.name, "pisim (i2c@7e804000)", sizeof adapter.name);
	error = i2c_add_numbered_adapter(&adapter);
	if (error)
		goto no_i2c;
	folder = debugfs_create_dir("pisim", NULL);
	debugfs_create_blob("lines", 0444, folder, &blob);
	debugfs_create_file("drive", 0200, folder, NULL, &drive_operations);
	for (i = 0; i < chips; i++) {
		char name[16];

		snprintf(name, sizeof name, "i2c-%02x", addresses[i]);
		debugfs_create_file(name, 0600, folder, &chip[i], &registers_operations);
	}
	atomic_notifier_chain_register(&panic_notifier_list, &after_panic);
	return 0;
no_i2c:
	gpiochip_remove(&gpio);
no_gpio:
	platform_device_unregister(device);
	return error;
}

static void __exit pisim_exit(void)
{
	atomic_notifier_chain_unregister(&panic_notifier_list, &after_panic);
	debugfs_remove_recursive(folder);
	i2c_del_adapter(&adapter);
	gpiochip_remove(&gpio);
	platform_device_unregister(device);
}

module_init(pisim_init);
module_exit(pisim_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("simulated Pi header for tests in a virtual machine");
