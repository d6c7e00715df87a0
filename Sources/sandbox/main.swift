import LinuxSystem
print(Process.id)
