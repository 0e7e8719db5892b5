import { describe, expect, it } from 'vitest'
import { tell } from './narration.ts'

describe('the story of npm start', () => {
  it('is told without orders to the terminal, whatever a device is called or says', () => {
    const hostile = '\u001b]0;owned\u0007\u009b2J\u202e'
    const lines = [
      { msg: 'connected', level: 'info', talaria: hostile },
      { msg: 'connection lost', level: 'info', reason: hostile },
      { msg: 'service registered', level: 'info', service: hostile },
      { msg: 'device refused', level: 'warn', name: hostile, [hostile]: { [hostile]: hostile } },
      { msg: hostile, level: 'error' },
    ]
    for (const line of lines) {
      const told = tell(line, (address) => address) ?? ''
      // Colours are the program's own, and are there only where the output is a terminal.
      expect(told.replaceAll(/\u001b\[\d+m/g, '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
      expect(told).toContain(String.raw`\u009b2J`)
    }
  })
})
